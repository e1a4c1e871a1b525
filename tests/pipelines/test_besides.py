"""Workflows that a repository has besides."""

from trimtab.fleet import MemoryTree
from trimtab.pipelines.besides import Beside, besides

OWN = ".github/workflows/containers.yml"
COMMIT = "a" * 40


def jobs(text: str) -> list[tuple[str, tuple[str, ...], int]]:
    found = besides(MemoryTree({".github/workflows/a.yml": f"on: push\njobs:\n{text}", OWN: f"jobs:\n{text}"}), OWN)
    return [(each.job, each.does, each.unpinned) for each in found]


def job(name: str, *steps: str) -> str:
    return f"  {name}:\n    steps:\n" + "".join(f"      - {step}\n" for step in steps)


def test_what_a_job_does_is_read_from_its_scripts_and_actions() -> None:
    text = job("a", "run: cd x && docker compose -f ${{ inputs.file }} up -d", "run: npx playwright test")
    text += job("b", "uses: docker/build-push-action@v6", f"uses: actions/checkout@{COMMIT}", "run: python -m pytest -q")
    text += job("c", "run: |\n          npm ci\n          npm run test:run", "run: docker buildx bake", "uses: ./local")
    text += job("d", f"uses: aquasecurity/trivy-action@{COMMIT}")
    assert jobs(text) == [
        ("a", ("starts containers", "runs tests"), 0),
        ("b", ("builds images", "runs tests"), 1),
        ("c", ("runs tests", "builds images"), 0),
        ("d", ("scans",), 0),
    ]


def test_what_has_nothing_to_do_with_it_and_what_cannot_be_read_is_left_out() -> None:
    assert jobs(job("a", "run: pip install pytest", "uses: actions/labeler@v5", "run: echo docker build")) == []
    assert besides(MemoryTree({".github/workflows/a.yml": "jobs: ["}), OWN) == ()
    assert besides(MemoryTree({".github/workflows/a.yml": "jobs: [1]\n", ".github/x.yml": job("a", "run: pytest")}), OWN) == ()


def test_where_it_stands_is_told() -> None:
    tree = MemoryTree({".github/workflows/a.yml": "jobs:\n" + job("a", "run: pytest")})
    assert besides(tree, OWN) == (Beside(".github/workflows/a.yml", "a", 2, ("runs tests",), 0),)
