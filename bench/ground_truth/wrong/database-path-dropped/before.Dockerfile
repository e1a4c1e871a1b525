FROM localhost/trimtab/python:3.11-bookworm
ENV DATABASE_PATH=/data/orders.db
WORKDIR /srv/orders
COPY server.py ./
VOLUME /data
EXPOSE 8000
CMD ["python", "server.py"]
