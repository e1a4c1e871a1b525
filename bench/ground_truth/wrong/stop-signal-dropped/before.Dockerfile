FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/auction
COPY server.js ./
RUN install -d -o node /var/lib/auction
VOLUME /var/lib/auction
USER node
STOPSIGNAL SIGINT
EXPOSE 8000
CMD ["node", "server.js"]
