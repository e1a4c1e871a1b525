FROM localhost/trimtab/node:24-bookworm AS node

FROM localhost/trimtab/debian:bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libstdc++6 libatomic1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home node
COPY --from=node /usr/local/bin/node /usr/local/bin/node
WORKDIR /srv/counter
COPY server.js ./
RUN install -d -o node -g node /var/lib/counter
VOLUME /var/lib/counter
USER node
EXPOSE 8000
CMD ["node", "server.js"]
