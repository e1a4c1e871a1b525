FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/feed
COPY server.js ./
CMD ["node", "server.js"]
