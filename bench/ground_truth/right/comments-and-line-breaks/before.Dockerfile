FROM localhost/trimtab/node:24-bookworm
# The service
WORKDIR /srv/feed
COPY server.js \
     ./
ENV GREETING="good day" LOUD=yes
EXPOSE 8000
CMD [ "node", \
      "server.js" ]
