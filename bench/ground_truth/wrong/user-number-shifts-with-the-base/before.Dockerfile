FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/counter
COPY server.js ./
RUN install -d -o node -g node /var/lib/counter
VOLUME /var/lib/counter
USER node
EXPOSE 8000
CMD ["node", "server.js"]
