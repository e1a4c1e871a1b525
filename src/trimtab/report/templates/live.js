// Follows the history: on each change the page is fetched anew, and the parts of it that are others now are put in place.
"use strict";
(() => {
  let busy = false;
  let again = false;

  const opened = (root) => new Set([...root.querySelectorAll("details[open] > summary")].map((each) => each.textContent));

  const put = (before, after) => {
    if (!before || !after) return;
    const open = opened(before);
    const shut = new Set([...before.querySelectorAll("details:not([open]) > summary")].map((each) => each.textContent));
    for (const each of after.querySelectorAll("details")) {
      const title = each.querySelector("summary").textContent;
      if (open.has(title)) each.open = true;
      if (shut.has(title)) each.open = false;
    }
    if (before.innerHTML !== after.innerHTML) before.replaceChildren(...after.childNodes);
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch("/", { cache: "no-store" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        put(document.querySelector(".head"), fresh.querySelector(".head"));
        for (const section of document.querySelectorAll("main > section")) {
          put(section, fresh.querySelector(`main > section[aria-labelledby="${section.getAttribute("aria-labelledby")}"]`));
        }
      }
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };

  const source = new EventSource("/events");
  source.addEventListener("changed", refresh);
  source.onopen = () => { document.documentElement.dataset.live = "yes"; };
  source.onerror = () => { document.documentElement.dataset.live = "no"; };
})();
