"""Dockerfiles put together from pieces that rules and fixes are about: bytes choose which, and how they are joined."""

_PIECES = (
    "FROM python:3.12-slim", "FROM python:3.12 AS build", "FROM node:20-alpine", "FROM debian:bookworm AS x", "FROM build",
    "FROM scratch", "ARG V=1", "ARG BUILD_DATE", "ENV PIP_NO_CACHE_DIR=1", "ENV A=b C=$V", "WORKDIR /app", "WORKDIR app",
    "COPY . .", "COPY src ./src", "COPY requirements.txt .", "COPY package*.json ./", "COPY --from=build /x /x", "ADD a.txt /",
    "COPY --chown=app:app . /app", "COPY --link main.py /", "USER app", "USER 1000", "USER root", "EXPOSE 8000",
    "VOLUME /data", "LABEL a=b", "MAINTAINER me", "SHELL [\"/bin/bash\", \"-c\"]", "STOPSIGNAL 15", "ONBUILD RUN true",
    "RUN pip install -r requirements.txt", "RUN pip install --no-cache-dir flask", "RUN pip3 install --user flask==1 six",
    "RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt", "RUN python -m pip install -U pip && pip install six",
    "RUN apt-get update", "RUN apt-get update && apt-get install -y gcc curl", "RUN apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
    "RUN apt-get update && apt-get install -y --no-install-recommends build-essential && apt-get clean", "RUN apk add --no-cache gcc musl-dev",
    "RUN apk add --update curl && rm -rf /var/cache/apk/*", "RUN npm install", "RUN npm ci && npm cache clean --force", "RUN yarn install",
    "RUN useradd -u 1001 app", "RUN adduser -D app && chown -R app /app", "RUN chmod -R 777 /app", "RUN chown -R app:app /app",
    "RUN curl -sSL https://example.org/x | sh", "RUN wget -O- https://example.org/x | tar xz", "RUN cd /app && make", "RUN sudo ls",
    "RUN <<EOF\npip install --no-cache-dir six\nEOF", "COPY <<A <<B /x/\na\nA\nb\nB", "RUN --mount=type=secret,id=a cat /run/secrets/a",
    "RUN [\"pip\", \"install\", \"six\"]", "RUN set -e; apt-get update; \\\n    # why\n    apt-get install -y \\\n\n    git;", "RUN a |& b && c || d",
    "HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1", "HEALTHCHECK NONE", "CMD python main.py", "CMD [\"python\", \"main.py\"]",
    "ENTRYPOINT [\"./start.sh\"]", "ENTRYPOINT exec python main.py", "# a comment", "# trimtab: allow unpinned-packages", "", "\ufeff",
    "# escape=`", "# syntax=docker/dockerfile:1", "RUN echo ${A:-b} \"$(x)\" 'q'", "RUN if [ -f a ]; then pip install six; fi",
    "RUN pip install ä \udcff", "RUN dotnet restore", "RUN go build ./...", "COPY go.mod go.sum ./", "RUN bundle install", "RUN composer install",
)  # fmt: skip
_ENDS = ("\n", "\n", "\n", "\n", "\r\n", " && \\\n    true\n", "\n\n", " \\\n\n", "  # x\n", "\t\n", "")


def dockerfile_of(data: bytes) -> str:
    """A Dockerfile for any bytes; every second byte says how a piece ends."""
    pairs = zip(data[::2], data[1::2], strict=False)
    return "".join(_PIECES[piece % len(_PIECES)] + _ENDS[end % len(_ENDS)] for piece, end in pairs)
