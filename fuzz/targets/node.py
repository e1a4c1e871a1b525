"""package.json and its lock beside a Dockerfile that installs them: reviewed, whatever is in them."""

from fuzz.fleets import reviewed, text_of

_DOCKERFILE = 'FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm install && npm run build\nCMD ["node", "main.js"]\n'


def check(data: bytes) -> None:
    package, _, lock = text_of(data).partition("\f")
    reviewed({"Dockerfile": _DOCKERFILE, "package.json": package, "package-lock.json": lock, "main.js": "require('a')\n"})
