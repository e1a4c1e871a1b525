FROM localhost/trimtab/node:24-bookworm
ENV GREETING_FILE=/srv/hello/greeting.txt
WORKDIR /srv/hello
COPY server.js greeting.txt ./
EXPOSE 8000
CMD node server.js "${GREETING_FILE}" 8000
