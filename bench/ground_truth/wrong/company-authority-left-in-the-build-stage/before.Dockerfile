FROM localhost/trimtab/python:3.11-bookworm
COPY company-ca.pem /usr/local/share/ca-certificates/company-ca.crt
RUN update-ca-certificates
WORKDIR /srv/partners
COPY server.py partner.pem ./
EXPOSE 8000
CMD ["python", "server.py"]
