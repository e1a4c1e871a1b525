FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/shop
COPY public/ public/
COPY server.js ./
EXPOSE 8080
CMD ["node", "server.js"]
