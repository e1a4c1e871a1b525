FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/rates
COPY server.py ./
COPY data/ data/
EXPOSE 8000
CMD ["python", "server.py"]
