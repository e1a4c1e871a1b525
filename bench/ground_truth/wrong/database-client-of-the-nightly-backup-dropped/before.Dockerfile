FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends sqlite3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/notes
COPY server.py ./
COPY --chmod=755 backup.sh /etc/cron.daily/notes-backup
VOLUME /var/lib/notes
EXPOSE 8000
CMD ["python", "server.py"]
