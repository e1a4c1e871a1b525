FROM localhost/trimtab/python:3.11-bookworm AS build
COPY company-ca.pem /usr/local/share/ca-certificates/company-ca.crt
RUN update-ca-certificates
WORKDIR /srv/partners
COPY server.py partner.pem ./

FROM localhost/trimtab/python:3.11-bookworm
COPY --from=build /srv/partners /srv/partners
WORKDIR /srv/partners
EXPOSE 8000
CMD ["python", "server.py"]
