FROM localhost/trimtab/python:3.11-bookworm AS build
COPY requirements.txt ./
RUN pip install -q --no-cache-dir -r requirements.txt

FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY --from=build /usr/local/lib/python3.11/dist-packages /usr/local/lib/python3.11/dist-packages
COPY server.py requirements.txt ./
COPY --chmod=755 rename.sh /etc/cron.daily/rename-pages
EXPOSE 8000
CMD ["python", "server.py"]
