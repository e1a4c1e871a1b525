FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/render
COPY server.py ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=1s --start-period=3s --retries=2 CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/', timeout=1)"]
CMD ["python", "server.py"]
