# The image of trimtab: `docker run --rm --volume "$PWD:/work" IMAGE review`. What builds or deploys needs the docker client
# and the engine's socket besides. Another base with Python 3.11 is named by BASE.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
COPY requirements/run.lock /lock/run.lock
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    pip install --require-hashes --only-binary :all: --target /packages --requirement /lock/run.lock

FROM ${BASE}
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install --yes --no-install-recommends git
ENV PYTHONPATH=/opt/trimtab:/opt/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=packages /packages /opt/packages
COPY src /opt/trimtab
WORKDIR /work
USER 1000:1000
HEALTHCHECK NONE
ENTRYPOINT ["python3", "-m", "trimtab"]
CMD ["review"]
