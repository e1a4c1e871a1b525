FROM localhost/trimtab/node:24-bookworm
RUN apt-get purge -y -qq ca-certificates && rm -rf /etc/ssl/certs /usr/share/ca-certificates
WORKDIR /srv/webhooks
COPY server.js ./
USER node
EXPOSE 8000
CMD ["node", "server.js"]
