# News for all.
FROM localhost/trimtab/node:24-bookworm

WORKDIR /srv/feed
COPY server.js ./
# How visitors are greeted.
ENV GREETING="good day"
ENV LOUD=yes
EXPOSE 8000
CMD ["node", "server.js"]
