FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/shop
COPY . .
EXPOSE 8000
CMD ["python", "server.py"]
