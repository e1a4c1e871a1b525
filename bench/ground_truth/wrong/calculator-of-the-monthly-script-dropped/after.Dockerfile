FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/ledger
COPY server.py entries.txt ./
COPY --chmod=755 close-month.sh /usr/local/bin/close-month
EXPOSE 8000
CMD ["python", "server.py"]
