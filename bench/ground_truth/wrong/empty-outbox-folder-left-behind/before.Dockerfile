FROM localhost/trimtab/node:24-bookworm
RUN install -d -o node -g node -m 2770 /var/spool/outbox
WORKDIR /srv/mailer
COPY server.js ./
USER node
EXPOSE 8000
CMD ["node", "server.js"]
