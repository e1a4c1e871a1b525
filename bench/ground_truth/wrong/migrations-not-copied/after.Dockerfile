FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/shop
COPY server.py upgrade.py ./
EXPOSE 8000
CMD ["python", "server.py"]
