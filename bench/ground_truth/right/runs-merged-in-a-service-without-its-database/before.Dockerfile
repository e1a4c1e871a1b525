FROM localhost/trimtab/python:3.11-bookworm
ENV PYTHONUNBUFFERED=1
WORKDIR /srv/orders
COPY server.py ./
RUN mkdir -p /var/lib/orders
RUN chmod 750 /var/lib/orders
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=2s --retries=2 CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/', timeout=1)"]
CMD ["python", "server.py"]
