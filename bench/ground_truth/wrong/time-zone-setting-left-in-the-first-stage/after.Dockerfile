FROM localhost/trimtab/node:24-bookworm AS build
ENV TZ=Europe/Berlin
WORKDIR /srv/receipts
COPY server.js ./

FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/receipts
COPY --from=build /srv/receipts ./
EXPOSE 8000
CMD ["node", "server.js"]
