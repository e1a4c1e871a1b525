FROM localhost/trimtab/node:24-bookworm AS build
RUN install -d -o node -g node -m 2770 /var/spool/outbox
WORKDIR /srv/mailer
COPY server.js ./

FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/mailer
COPY --from=build /srv/mailer ./
USER node
EXPOSE 8000
CMD ["node", "server.js"]
