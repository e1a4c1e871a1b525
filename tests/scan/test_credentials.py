"""Credentials in files: which are found, which are none, and that no value is ever kept."""

import pytest

from trimtab.rules import Severity
from trimtab.scan.layer_leaks import arguments
from trimtab.scan.leaks import identity, search

AWS = "AKIA" + "QYLPMN5HFIQR7XYA"
GITHUB = "ghp_" + "x7Kq2mN9pR4sT6vW8yZ1aB3cD5eF7gH9jK2L"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n"


def kinds(path: str, text: str) -> list[tuple[int, str]]:
    return [(each.line, each.kind) for each in search(path, text.encode())]


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("src/a.py", f"x = 1\nkey = '{AWS}'\n", "AWS Access Key"),
        ("a.sh", f"\ngit clone https://{GITHUB}@example.com/x\n", "GitHub Token"),
        ("notes.md", f"\n{JWT}\n", "JSON Web Token"),
        ("deploy/id_rsa", "\n" + KEY, "Private Key"),
        ("a.py", "\nurl = 'postgres://app:c0rrecthorse@db/x'\n", "Basic Auth Credentials"),
        (".env", "\nDB_PASSWORD=correct-horse\n", "`DB_PASSWORD`: its name says a credential"),
        ("config/app.yaml", "a:\n  api_key: 'abcdefgh'  # why\n", "`api_key`: its name says a credential"),
        ("x.json", '{\n  "client_secret": "abcdefgh",\n', "`client_secret`: its name says a credential"),
        ("config/default.json", '{\n  "db_password": "correct-horse"\n}\n', "`db_password`: its name says a credential"),
        ("dist/.env", "\nDB_PASSWORD=correct-horse\n", "`DB_PASSWORD`: its name says a credential"),
        ("x.properties", "\nexport smtp.password = abcdefgh\n", "`smtp.password`: its name says a credential"),
    ],
)
def test_what_is_found(path: str, text: str, kind: str) -> None:
    assert kinds(path, text) == [(2, kind)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env.example", "DB_PASSWORD=correct-horse\n"),
        ("app.env.dist", "DB_PASSWORD=correct-horse\n"),
        (".env", "DB_PASSWORD=\nAPI_KEY=changeme\nTOKEN=${TOKEN}\nSECRET_FILE=/run/secrets/x\nPASSWORD=<fill in>\n"),
        ("a.py", "password = 'correct-horse'\n"),
        ("compose.yaml", "a:\n  DB_PASSWORD: ${DB_PASSWORD:?set it in .env}\n  API_KEY: ${API_KEY:-}\n  TOKEN: ${A:-${B}}\n"),
        ("compose.yaml", "environment: ['DB_PASSWORD=${DB_PASSWORD}', DB_PASSWORD]\n"),
        ("Dockerfile", "ARG DB_PASSWORD\nENV DB_PASSWORD=$DB_PASSWORD TOKEN_FILE=/run/secrets/t\n"),
        ("docker-bake.hcl", 'args = { TOKEN = TOKEN, API_KEY = "${API_KEY}" }\nPASSWORD = DB_PASSWORD\n'),
        ("docker-bake.hcl", 'variable "TOKEN" {}\nvariable "REGION" {\n  default = "eu-west-1"\n}\n'),
        ("compose.yaml", "command: redis-server --requirepass $$PASSWORD --masterauth ${PASSWORD}\n"),
        ("compose.yaml", "command:\n  - --requirepass\n  - ${PASSWORD:?}\n  - --token\n  - --verbose\n"),
        ("compose.yaml", "test: redis-cli -a $$PASSWORD ping && mysqladmin ping -p$$PASSWORD\n"),
        ("api.yaml", "description: use --password to log in, --token when there is one, --api-key <key>, or --secret name\n"),
        (
            "Dockerfile",
            "RUN --mount=type=secret,id=token docker login --password-stdin && adduser --disabled-password home && app --token $(cat t)\n",
        ),
        ("metrics.json", '{"total_tokens": 10420,\n"max_tokens": 4096}\n'),
        ("package-lock.json", '{\n"js-tokens": "^4.0.0"\n}\n'),
        ("deploy.yaml", "on_pass: continue\ntoken_url: https://example.com/t\n"),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\nMIIB\n"),
        ("a.txt", "see https://example.com:8080/path@1\n"),
    ],
)
def test_what_is_none(path: str, text: str) -> None:
    assert kinds(path, text) == []


def test_binary_files_are_left_alone() -> None:
    assert kinds("a.bin", "\0" + AWS) == []


@pytest.mark.parametrize("before", [0, 3000, 4090, 5000, 100_000])
def test_endless_lines_are_searched_in_parts(before: int) -> None:
    assert kinds("a.min.js", "x" * before + f" {AWS} " + "y" * 5000) == [(1, "AWS Access Key")]


def test_utf_16_is_text() -> None:
    assert [each.kind for each in search(".env", f"KEY={AWS}\n".encode("utf-16"))] == ["AWS Access Key"]


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("Dockerfile", "ENV DB_PASSWORD=correct-horse OTHER=1\n", ["DB_PASSWORD"]),
        ("web.Dockerfile", "ARG API_TOKEN=abcdefgh\nENV SECRET_KEY abcdefgh\n", ["API_TOKEN", "SECRET_KEY"]),
        (".docker/config.json", '{"auths": {"x": {"auth": "dXNlcjpodW50ZXIyeA=="}}}', ["auth"]),
        (
            "Dockerfile",
            'ENV A=1 \\\n    B=2 DB_PASSWORD="correct horse" \\\n    api_token=abcdefgh\n',
            ["DB_PASSWORD", "api_token"],
        ),
        ("Dockerfile", "ENV\tDB_PASSWORD=abcdefgh\nONBUILD ARG API_TOKEN=abcdefgh\n", ["DB_PASSWORD", "API_TOKEN"]),
        ("Dockerfile", "LABEL a=1 deploy.token='abcdefgh'\n", ["deploy.token"]),
        (".env.production.local", "DB_PASSWORD=abcdefgh\n", ["DB_PASSWORD"]),
        (".envrc", "export DB_PASSWORD=abcdefgh\n", ["DB_PASSWORD"]),
        ("compose.yaml", "environment:\n  DB_PASSWORD: ${DB_PASSWORD:-abcdefgh}\n", ["DB_PASSWORD"]),
        ("compose.yaml", "environment:\n  DB_PASSWORD: ${DB_PASSWORD:-${OTHER-abcdefgh}}\n", ["DB_PASSWORD"]),
        (
            "compose.yaml",
            "environment: ['DB_PASSWORD=abc defgh', \"API_KEY=abcdefgh\", TOKEN=abcdefgh]\n",
            ["DB_PASSWORD", "API_KEY", "TOKEN"],
        ),
        ("compose.yaml", "environment: ['DB_PASSWORD=abcdefgh']\n", ["DB_PASSWORD"]),
        ("compose.json", '{"environment": [\n"DB_PASSWORD=abcdefgh"\n]}\n', ["DB_PASSWORD"]),
        ("compose.yaml", "environment:\n  DB_PASSWORD: >-\n    correct horse\n  API_KEY: |\n", ["DB_PASSWORD"]),
        ("compose.yaml", "environment:\n  DB_PASSWORD: &shared abcdefgh\n", ["DB_PASSWORD"]),
        ("compose.yaml", "build:\n  dockerfile_inline: |\n    FROM x\n    ENV DB_PASSWORD=abcdefgh\n", ["DB_PASSWORD"]),
        (".netrc", "machine x login me password hunter2x\n", ["password"]),
        (".aws/credentials", "aws_secret_access_key = abcdefghijklmnop\n", ["aws_secret_access_key"]),
        (".env", "DB_PASSWORD=ab#cd 1234,x # why\n", ["DB_PASSWORD"]),
        ("docker-bake.hcl", 'target "a" {\n  args = { A = "b", API_TOKEN = "abcdefgh" }\n}\n', ["API_TOKEN"]),
        ("docker-bake.hcl", 'target "a" { args = {\n  "API_TOKEN" = "abcdefgh"\n} }\n', ["API_TOKEN"]),
        ("docker-bake.hcl", 'variable "DB_PASSWORD" { default = "abcdefgh" }\n', ["DB_PASSWORD"]),
        ("docker-bake.hcl", 'variable "DB_PASSWORD" {\n  type = string\n  default = "abcdefgh"\n}\n', ["DB_PASSWORD"]),
        ("docker-bake.json", '{"variable": {"DB_PASSWORD": {\n"default": "abcdefgh"}}}\n', ["DB_PASSWORD"]),
        ("a.toml", 'db = { user = "a", password = "abcdefgh" }\n', ["password"]),
        ("compose.yaml", "command: redis-server --requirepass abcdefgh\n", ["requirepass"]),
        (
            "compose.yaml",
            "command: ['redis-server', '--requirepass', 'abcdefgh', '--masterauth=abcdefghi']\n",
            ["requirepass", "masterauth"],
        ),
        ("compose.yaml", "command:\n  - redis-server\n  - --requirepass\n  - 'abcdefgh'\n", ["requirepass"]),
        ("compose.yaml", "command: >\n  app\n  --api-key=abcdefgh\n  --db.password abcdefgh\n", ["api-key", "db.password"]),
        ("compose.yaml", 'command: sh -c "app --token ${TOKEN:-abcdefgh}"\n', ["token"]),
        ("compose.yaml", "command: app --dsn x:${DB_PASSWORD:-abcdefgh}@db\n", ["DB_PASSWORD"]),
        ("compose.yaml", 'test: ["CMD", "redis-cli", "-a", "abcdefgh", "ping"]\n', ["password"]),
        ("compose.yaml", "test: mysqladmin ping -h localhost -pabcdefgh\n", ["password"]),
        ("Dockerfile", 'FROM redis\nCMD ["redis-server", "--requirepass", "abcdefgh"]\n', ["requirepass"]),
        ("Dockerfile", "FROM redis\nHEALTHCHECK CMD redis-cli -a abcdefgh ping\n", ["password"]),
        ("redis.conf", "port 1\nrequirepass abcdefgh\n", ["requirepass"]),
        ("a.json", '{"db":{"user":"a","password":"correct-horse"}}', ["password"]),
        ("a.yaml", "db: {user: a, password: correct-horse}\nenv:\n  - 'API_KEY=abc defgh'\n", ["password", "API_KEY"]),
    ],
)
def test_names_in_every_kind_of_settings(path: str, text: str, names: list[str]) -> None:
    assert [each.kind.split("`")[1] for each in search(path, text.encode())] == names


def test_tests_and_weak_passwords_weigh_less() -> None:
    assert next(search("tests/test_a.py", AWS.encode())).severity is Severity.LOW
    assert next(search("src/a.py", AWS.encode())).severity is Severity.HIGH
    assert next(search("a.py", b"postgres://user:password@db/x")).severity is Severity.LOW


def test_an_identity_is_the_same_everywhere_and_is_not_the_value() -> None:
    one, other = next(search("a.py", AWS.encode())), next(search("b.sh", f"  {AWS}".encode()))
    assert one.identity == other.identity == identity(AWS)
    assert len(one.identity) == 12
    assert AWS not in repr(one)


def test_two_private_keys_are_two() -> None:
    one = next(search("a", KEY.encode()))
    other = next(search("a", KEY.replace("MIIE", "MIIF").encode()))
    assert one.identity != other.identity


def pem(words: str, body: str) -> str:
    return f"-----BEGIN {words}" + f"PRIVATE KEY-----\n{body}\n-----END {words}" + "PRIVATE KEY-----\n"


OPENSSH = "b3BlbnNzaC1rZXktdjEA"


@pytest.mark.parametrize(
    ("text", "kind", "severity"),
    [
        (pem("ENCRYPTED ", "MIIFHDBOBgkqhkiG9w0BBQ0w"), "Private Key, encrypted", Severity.MEDIUM),
        (pem("ENCRYPTED ", "MIIFHDBOBgkqhkiG9w0BBQ0w").replace("\n", r"\n"), "Private Key, encrypted", Severity.MEDIUM),
        (pem("RSA ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIEpAIBAAKCAQEA"), "Private Key, encrypted", Severity.MEDIUM),
        (pem("OPENSSH ", OPENSSH + "AAAACmFlczI1Ni1jdHIAAAAG"), "Private Key, encrypted", Severity.MEDIUM),
        (pem("OPENSSH ", OPENSSH + "AAAABG5vbmUAAAAEbm9uZQAA"), "Private Key", Severity.HIGH),
        (pem("", "MIIEvQIBADANBgkqhkiG9w0B") + pem("ENCRYPTED ", ""), "Private Key", Severity.HIGH),
        ("PuTTY-User-Key" + "-File-3: ssh-rsa\nEncryption: aes256-cbc\nComment: a\nPublic-Lines: 1\n" + "A" * 64, "Private Key, encrypted", Severity.MEDIUM),
        ("PuTTY-User-Key" + "-File-2: ssh-rsa\nEncryption: none\nComment: a\nPublic-Lines: 1\n" + "A" * 64, "Private Key", Severity.HIGH),
        ("AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF" * 5 + "QPZRY9X8", "age Secret Key", Severity.HIGH),
    ],
)  # fmt: skip
def test_keys_with_and_without_a_passphrase(text: str, kind: str, severity: Severity) -> None:
    assert [(each.kind, each.severity) for each in search("deploy/key", text.encode())] == [(kind, severity)]


def test_build_arguments_in_history() -> None:
    assert arguments("RUN |2 A=1 TOKEN=x /bin/sh -c echo B=2 # buildkit") == [("A", "1"), ("TOKEN", "x")]
    assert arguments("ARG TOKEN=x") == [("TOKEN", "x")]
    assert arguments('CMD ["a|1"]') == []
