FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/opening
COPY server.py hours.csv ./
EXPOSE 8000
CMD ["python", "server.py"]
