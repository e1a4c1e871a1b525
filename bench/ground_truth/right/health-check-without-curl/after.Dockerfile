FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/stock
COPY server.py ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=5s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/', timeout=2)"]
CMD ["python", "server.py"]
