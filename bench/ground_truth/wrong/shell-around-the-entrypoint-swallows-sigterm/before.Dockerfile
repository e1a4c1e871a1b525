FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/queue
COPY server.js entrypoint.sh ./
EXPOSE 8000
ENTRYPOINT ["sh", "/srv/queue/entrypoint.sh"]
