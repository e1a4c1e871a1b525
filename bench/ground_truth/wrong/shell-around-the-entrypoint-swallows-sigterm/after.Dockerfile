FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/queue
COPY server.js entrypoint.sh ./
EXPOSE 8000
ENTRYPOINT ["sh", "-c", "umask 027; node server.js; echo the queue has ended"]
