FROM localhost/trimtab/node:24-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends qrencode \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/tickets
COPY server.js ./
USER node
EXPOSE 8000
CMD ["node", "server.js"]
