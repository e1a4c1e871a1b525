FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/notes
COPY server.py ./
COPY --chmod=755 backup.sh /etc/cron.daily/notes-backup
VOLUME /var/lib/notes
EXPOSE 8000
CMD ["python", "server.py"]
