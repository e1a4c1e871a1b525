FROM localhost/trimtab/node:24-bookworm AS build
WORKDIR /srv/fees
COPY package.json compile.js server.js ./
RUN node compile.js && mkdir -p node_modules

FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/fees
COPY --from=build /srv/fees/node_modules ./node_modules
COPY package.json compile.js server.js ./
EXPOSE 8000
CMD ["node", "server.js"]
