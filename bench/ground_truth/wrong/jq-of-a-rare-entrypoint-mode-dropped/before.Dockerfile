FROM localhost/trimtab/node:24-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends jq curl \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/flags
COPY server.js flags.json entrypoint.sh ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=5s CMD curl -fsS http://127.0.0.1:8000/ >/dev/null
ENTRYPOINT ["sh", "/srv/flags/entrypoint.sh"]
CMD ["serve"]
