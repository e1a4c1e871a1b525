FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/tickets
COPY server.js ./
USER node
EXPOSE 8000
CMD ["node", "server.js"]
