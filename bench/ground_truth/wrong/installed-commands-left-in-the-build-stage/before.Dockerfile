FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt ./
RUN pip install -q --no-cache-dir -r requirements.txt
COPY server.py ./
COPY --chmod=755 rename.sh /etc/cron.daily/rename-pages
EXPOSE 8000
CMD ["python", "server.py"]
