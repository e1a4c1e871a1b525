FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/fees
COPY package.json compile.js server.js ./
RUN node compile.js
EXPOSE 8000
CMD ["node", "server.js"]
