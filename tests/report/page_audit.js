// What a person who cannot see, cannot use a mouse or sees colours badly needs of a page, by the rules of WCAG 2.2, level AA.
// Gives a list of what is wrong, in words.
() => {
  const wrong = [];
  const say = (element, text) => wrong.push(`${text}: <${element.tagName.toLowerCase()}> ${(element.textContent || "").trim().slice(0, 50)}`);
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const name = (element) =>
    (element.getAttribute("aria-label") ||
      (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ") ||
      element.textContent || "").trim();

  // 3.1.1, 2.4.2: a language and a title.
  if (!document.documentElement.lang) wrong.push("the page has no language");
  if (!document.title.trim()) wrong.push("the page has no title");

  // 1.3.1: landmarks; one main, and everything that is read is in one of them.
  if (document.querySelectorAll("main").length !== 1) wrong.push("the page has not exactly one main");
  for (const child of document.body.children) {
    if (!["HEADER", "MAIN", "FOOTER", "NAV", "SCRIPT"].includes(child.tagName) && !child.classList.contains("skip")) say(child, "outside of every landmark");
  }
  for (const section of document.querySelectorAll("section, nav, [role=region]")) if (!name(section)) say(section, "a region without a name");

  // 1.3.1, 2.4.6: headings, none empty and none left out.
  let level = 0;
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")];
  if (document.querySelectorAll("h1").length !== 1) wrong.push("the page has not exactly one h1");
  for (const heading of headings) {
    const own = Number(heading.tagName[1]);
    if (!heading.textContent.trim()) say(heading, "an empty heading");
    if (own > level + 1) say(heading, `a heading of level ${own} after one of level ${level}`);
    level = own;
  }

  // 4.1.1, 2.4.1: ids are there once, and links within the page lead somewhere.
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`two elements have the id ${id}`);
  for (const link of document.querySelectorAll("a[href^='#']")) if (!document.getElementById(link.getAttribute("href").slice(1))) say(link, "a link that leads nowhere");
  for (const link of document.querySelectorAll("a, button, summary")) if (!name(link)) say(link, "a control without a name");

  // 1.1.1: pictures have a name.
  for (const picture of document.querySelectorAll("svg, img, [role=img]")) {
    if (picture.closest("[aria-hidden=true]")) continue;
    if (picture.tagName === "svg" && picture.getAttribute("role") !== "img") say(picture, "a picture without the role img");
    if (!(picture.getAttribute("aria-label") || picture.getAttribute("alt"))) say(picture, "a picture without a name");
  }

  // 1.3.1: tables have a caption, and heads that say what they are for.
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption || !table.caption.textContent.trim()) say(table, "a table without a caption");
    if ([...table.querySelectorAll("th")].some((head) => !head.hasAttribute("scope"))) say(table, "a head without a scope");
    const width = table.tHead ? table.tHead.rows[0].cells.length : 0;
    for (const row of table.tBodies[0]?.rows || []) if (width && row.cells.length !== width) { say(row, "a row of another length"); break; }
  }
  for (const list of document.querySelectorAll("ul, ol")) if ([...list.children].some((item) => item.tagName !== "LI")) say(list, "a list with something else in it");

  // 2.1.1: what scrolls can be reached with the keyboard; 2.4.3: in the order of the page.
  for (const box of document.querySelectorAll("body *")) {
    const style = getComputedStyle(box);
    const scrolls = (style.overflowX === "auto" || style.overflowX === "scroll") && box.scrollWidth > box.clientWidth + 1;
    if (scrolls && shown(box) && box.tabIndex < 0) say(box, "scrolls, and cannot be reached with the keyboard");
    if (box.tabIndex > 0) say(box, "an order of its own");
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) wrong.push("the page is wider than the window"); // 1.4.10

  // 1.4.3, 1.4.11: contrast of text with what is behind it.
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (one, other) => { const [high, low] = [light(one), light(other)].sort((a, b) => b - a); return (high + 0.05) / (low + 0.05); };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["TITLE", "STYLE", "SCRIPT"].includes(element.tagName.toUpperCase())) continue;
    const style = getComputedStyle(element);
    if (!shown(element) || element.closest(".unseen, .skip")) continue;
    let colour, back;
    if (element.namespaceURI.endsWith("svg")) {
      colour = rgb(style.fill);
      const box = element.closest("g")?.querySelector("rect");
      // A label in a group lies upon the group's own rectangle, where it has one that is drawn below it.
      back = box && (element.classList.contains("on") || element.closest(".node")) ? rgb(getComputedStyle(box).fill) : behind(element.ownerSVGElement.parentElement);
    } else {
      colour = rgb(style.color);
      back = behind(element);
    }
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(colour, back), key = `${colour} ${back} ${large}`;
    if (found < (large ? 3 : 4.5) && !seen.has(key)) { seen.add(key); say(element, `a contrast of ${found.toFixed(2)}`); }
  }
  return wrong;
}
