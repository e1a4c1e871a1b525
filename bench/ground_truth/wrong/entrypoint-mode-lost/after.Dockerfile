FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/app
COPY server.py ./
COPY entrypoint.sh /entrypoint.sh
EXPOSE 8000
ENTRYPOINT ["/entrypoint.sh"]
CMD ["python", "server.py"]
