FROM localhost/trimtab/node:24-bookworm
ENV PORT=8000
WORKDIR /srv/app
COPY server.js ./
EXPOSE 8000
ENTRYPOINT umask 027; node server.js $PORT
