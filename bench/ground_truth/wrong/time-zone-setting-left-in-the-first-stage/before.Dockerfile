FROM localhost/trimtab/node:24-bookworm
ENV TZ=Europe/Berlin
WORKDIR /srv/receipts
COPY server.js ./
EXPOSE 8000
CMD ["node", "server.js"]
