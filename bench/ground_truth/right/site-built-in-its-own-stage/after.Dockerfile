FROM localhost/trimtab/node:24-bookworm AS build
WORKDIR /srv/clock
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY src/ src/
COPY build.js ./
RUN node build.js && npm prune --omit=dev --no-audit --no-fund

FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/clock
COPY package.json package-lock.json ./
COPY --from=build /srv/clock/node_modules node_modules
COPY --from=build /srv/clock/dist dist
EXPOSE 8000
CMD ["node", "dist/server.js"]
