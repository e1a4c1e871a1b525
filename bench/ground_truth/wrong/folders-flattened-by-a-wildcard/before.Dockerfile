FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/blog
COPY site/ ./
EXPOSE 8000
CMD ["node", "server.js"]
