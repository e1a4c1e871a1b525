FROM localhost/trimtab/python:3.11-bookworm
COPY server.py /srv/tariff/server.py
COPY tariffs/ /srv/tariff/tariffs/
WORKDIR /srv/tariff
EXPOSE 8000
CMD ["python", "/srv/tariff/server.py"]
