FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1400 scanner && install -d -o scanner /var/lib/scans
WORKDIR /srv/scanner
COPY server.py ./
VOLUME /var/lib/scans
USER scanner
EXPOSE 8000
CMD ["python", "server.py"]
