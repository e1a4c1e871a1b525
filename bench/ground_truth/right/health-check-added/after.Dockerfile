FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/feed
COPY server.js ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:8000/').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "server.js"]
