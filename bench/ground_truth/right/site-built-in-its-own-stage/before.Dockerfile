FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/clock
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --cache /tmp/npm && rm -r /tmp/npm
COPY src/ src/
COPY build.js ./
RUN node build.js
EXPOSE 8000
CMD ["node", "dist/server.js"]
