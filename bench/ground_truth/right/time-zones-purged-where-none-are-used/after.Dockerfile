FROM localhost/trimtab/node:24-bookworm
RUN apt-get purge -y -qq tzdata && rm -rf /usr/share/zoneinfo
WORKDIR /srv/feed
COPY server.js ./
EXPOSE 8000
CMD ["node", "server.js"]
