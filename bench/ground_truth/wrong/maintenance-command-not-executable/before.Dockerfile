FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/cart
COPY server.js ./
COPY reindex.sh /usr/local/bin/reindex
RUN chmod +x /usr/local/bin/reindex
EXPOSE 8000
CMD ["node", "server.js"]
