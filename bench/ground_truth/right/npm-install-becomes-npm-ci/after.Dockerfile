FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/clock
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY server.js ./
EXPOSE 8000
CMD ["node", "server.js"]
