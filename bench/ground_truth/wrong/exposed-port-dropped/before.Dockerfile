FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/feed
COPY server.js ./
EXPOSE 8000
CMD ["node", "server.js"]
